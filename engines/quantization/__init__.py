"""Numbers in few bits: their formats, how weights become them, checkpoints that hold them already."""
