// Pages that only say something still show what must be seen everywhere.

import { watchStation } from "./station_poll.js";

watchStation();
