"""ONE loop for everything that learns: loop, optimizer, schedule, devices, snapshot."""
