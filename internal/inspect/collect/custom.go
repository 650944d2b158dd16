package collect

import "strconv"

// maxCustomObjects is how many custom resources of one cluster are kept, of all kinds together.
const maxCustomObjects = 50_000

// tooManyError is the error of a list that exceeds maxCustomObjects.
type tooManyError struct{}

// Error states the limit.
func (tooManyError) Error() string {
	return "more than " + strconv.Itoa(maxCustomObjects) + " custom resources"
}
