"""Act: load instances and send them, or rehearse that."""
