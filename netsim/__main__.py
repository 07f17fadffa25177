"""`python -m netsim`."""

if __name__ == "__main__":  # every process of an emulation imports this module again, and needs nothing of it
    from netsim.cli import main

    main()
