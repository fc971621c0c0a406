"""The line: triggers, part ids, deadlines, gate, permit, heartbeat, modes. The smallest process; it decides."""
