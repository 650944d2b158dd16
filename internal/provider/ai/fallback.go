package ai

import "context"

// FirstOf asks models in order until one answers, and returns the index of the last one asked. A fallback is asked if the model
// before it is unavailable, rejects the credentials, limits the rate, or has no budget left. The error is that of the first model,
// followed by those of the fallbacks. An answer next to an error has no usable text; it reports the tokens that were spent.
func FirstOf(
	ctx context.Context, models int, ask func(ctx context.Context, i int) (Answer, error),
) (answer Answer, asked int, err error) {
	var failures []error
	for i := range models {
		answer, err := ask(ctx, i)
		if err == nil {
			return answer, i, nil
		}
		if !shouldFallBack(err) {
			return answer, i, err
		}
		failures = append(failures, err)
		asked = i
		if ctx.Err() != nil {
			break
		}
	}
	return Answer{}, asked, joinProblems(failures)
}
