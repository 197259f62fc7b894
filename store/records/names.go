package records

import "database/sql/driver"

// maxNames bounds the texts a writer keeps in memory; a service whose every path is another must not fill it.
const maxNames = 1 << 14

// names numbers the texts that many rows have in common.
type names struct {
	w     *dayWriter
	known map[string]int64
}

func newNames(w *dayWriter) *names { return &names{w: w, known: map[string]int64{"": 0}} }

const (
	numberOfName = `SELECT n FROM names WHERE text = ?`
	lastName     = `SELECT max(n) FROM names`
)

// number returns the number of a text, a new one when there is none.
func (n *names) number(text string) (int64, error) {
	if number, ok := n.known[text]; ok {
		return number, nil
	}
	number, err := n.find(numberOfName, text)
	if err == nil && number < 0 {
		if number, err = n.find(lastName); err == nil {
			number++
			err = n.w.exec(insertName, number, text)
		}
	}
	if err != nil {
		return 0, err
	}
	if len(n.known) >= maxNames {
		n.known = map[string]int64{"": 0}
	}
	n.known[text] = number
	return number, nil
}

// find returns a query's number, -1 for no row.
func (n *names) find(text string, args ...driver.Value) (number int64, err error) {
	number = -1
	err = n.w.query(text, func(row []driver.Value) error {
		if v, ok := row[0].(int64); ok {
			number = v
		}
		return nil
	}, args...)
	return number, err
}
