import sys

sys.exit("no licence on this machine")
