"""The picture side of the virtual line: what the camera over the conveyor would see.

`spec` says what a part is, `render` draws it, `stamp` puts a number in the pixels, `faults` spoils a
frame on request, `record` writes the recorded media. Pure numpy and OpenCV; same seed, same bytes.
"""
