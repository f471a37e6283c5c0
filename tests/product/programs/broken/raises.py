raise RuntimeError("the table of prices is missing")
