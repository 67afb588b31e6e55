"""Training on own pictures: crops, coding them, losses, the loop, calibration of what ships."""
