package environment

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

// countedAnswers counts the lookups of an AnswerCache.
type countedAnswers struct {
	AnswerCache
	lookups *prometheus.CounterVec
}

// countAnswers registers kubeops_answer_cache_lookups_total, by result: hit, miss or error. Without a cache, there is nothing to count.
func countAnswers(answers AnswerCache, registry prometheus.Registerer) (AnswerCache, error) {
	if answers == nil {
		return nil, nil
	}
	lookups := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "kubeops_answer_cache_lookups_total", Help: "Answers that were looked up in the answer cache, by result: hit, miss or error.",
	}, []string{"result"})
	return &countedAnswers{answers, lookups}, registry.Register(lookups)
}

// Get implements AnswerCache.
func (c *countedAnswers) Get(ctx context.Context, keys []string) (map[string][]byte, error) {
	found, err := c.AnswerCache.Get(ctx, keys)
	c.lookups.WithLabelValues("hit").Add(float64(len(found)))
	missing := "miss"
	if err != nil {
		missing = "error"
	}
	c.lookups.WithLabelValues(missing).Add(float64(max(len(keys)-len(found), 0)))
	return found, err
}
