"""`edge inspect`: a recorded video or a folder of images, judged by the very pipeline of the line."""
