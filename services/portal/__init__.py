"""The portal: shippers register here; everybody reads here."""
