//! The terminal: entering and leaving it, the writer thread, capabilities, operating-system commands.
