print("tmdne")
