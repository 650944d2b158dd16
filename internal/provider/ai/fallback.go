package ai

import "context"

// FirstOf asks models one after the other until one answers, and says which it was. The first is the one that is meant; the others
// stand in where it is down, refuses the credentials, asks for fewer requests, or has spent its budget. The error is that of the
// first, and names those of the others; then asked is the one that was asked last. An answer beside an error has no text to use; it says what was spent.
func FirstOf(ctx context.Context, models int, ask func(ctx context.Context, i int) (Answer, error)) (answer Answer, asked int, err error) {
	var failed []error
	for i := range models {
		answer, err := ask(ctx, i)
		if err == nil {
			return answer, i, nil
		}
		if !elsewhere(err) {
			return answer, i, err
		}
		failed, asked = append(failed, err), i
		if ctx.Err() != nil {
			break
		}
	}
	return Answer{}, asked, joined(failed)
}
