"""`python -m netsim`."""

from netsim.cli import main

if __name__ == "__main__":  # the processes of an emulation import the main module again
    main()
