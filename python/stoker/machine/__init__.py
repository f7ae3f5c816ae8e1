"""What this machine gives a process: cores, memory, disks, and settings of the libraries that share them."""
