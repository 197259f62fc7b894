package records

// Position is how far a reader that follows the commits has come: for each day ("2026-11-21") the sequence of the last
// record it has seen. Days that are not in it are new to the reader.
type Position map[string]int64
