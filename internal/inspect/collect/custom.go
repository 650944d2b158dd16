package collect

import "strconv"

// maxCustomObjects bounds the custom resources of one cluster that are kept, of all kinds together.
const maxCustomObjects = 50_000

// tooManyError says that a list was given up because of maxCustomObjects.
type tooManyError struct{}

// Error names the bound.
func (tooManyError) Error() string {
	return "more than " + strconv.Itoa(maxCustomObjects) + " custom resources"
}
