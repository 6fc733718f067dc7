"""The methods of `isthmus align`: each file has a frozen dataclass, its rows and its loss."""
