"""`python -m prpc.host`, as the runtime starts it."""

from prpc.host.template import main

if __name__ == "__main__":
    main()
