"""The calibration workshop: boards, lens, scale, flat field, printable targets. Started by `edge calibrate` as a job of
its own, so that nothing of it is loaded while parts are judged. Profiles live in the station's data.
"""
