package online

// CheckAnchor is checkAnchor, for its vectors.
var CheckAnchor = checkAnchor
