package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/expression"
	"kubeops.io/kubeops/internal/inspect/custom"
	"kubeops.io/kubeops/internal/text"
)

const (
	// maxEvaluated is the size of an object that an expression is evaluated on, and of all objects of one evaluation, as JSON in bytes.
	maxEvaluated = 512 << 10
	// maxBatch is the number of objects of one evaluation.
	maxBatch = 100
	// maxAssessment is the time for all expressions of a stage. Tenants share the processes that evaluate them.
	maxAssessment = 30 * time.Second
	// varObject is the variable of health expressions.
	varObject = "object"
)

// assessment is the health of an object, and why it is not healthy.
type assessment struct {
	health  health
	message string
}

// assess objects by the expressions of their kinds. Results of other kinds are not in the map. The error is one of ctx.
func (r *Run) assess(ctx context.Context, results []Result) (map[Key]assessment, error) {
	assessed := map[Key]assessment{}
	limited, cancel := context.WithTimeout(ctx, assessmentTime(ctx))
	defer cancel()
	for i, expr := range r.Health {
		kind := schema.GroupKind{Group: expr.Group, Kind: expr.Kind}
		var keys []Key
		var objects []string
		size := 0
		evaluate := func() error {
			err := r.evaluate(limited, i, expr, keys, objects, assessed)
			if ctx.Err() == nil && limited.Err() != nil {
				err = nil
				for _, key := range keys {
					assessed[key] = assessment{inProgress, fmt.Sprintf("spec.healthExprs[%d] was not evaluated in time, which is %s or "+
						"half of what is left of spec.timeout; simplify it", i, maxAssessment)}
				}
			}
			keys = nil
			objects = nil
			size = 0
			return err
		}
		for _, result := range results {
			if result.Key.GroupKind != kind || !result.Applied || result.live == nil {
				continue
			}
			encoded, ok := encodeForHealth(result.live)
			if !ok {
				assessed[result.Key] = assessment{inProgress,
					fmt.Sprintf("the object exceeds %d KiB, which spec.healthExprs[%d] is not evaluated on",
						maxEvaluated>>10, i)}
				continue
			}
			if size+len(encoded) > maxEvaluated || len(keys) == maxBatch {
				if err := evaluate(); err != nil {
					return nil, err
				}
			}
			size += len(encoded)
			keys = append(keys, result.Key)
			objects = append(objects, encoded)
		}
		if len(keys) > 0 {
			if err := evaluate(); err != nil {
				return nil, err
			}
		}
	}
	return assessed, nil
}

// assessmentTime is maxAssessment, or half of the time that is left for the cluster, so that what took too long can be reported.
func assessmentTime(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(maxAssessment, time.Until(deadline)/2)
	}
	return maxAssessment
}

// encodeForHealth is an object without its managed fields, which no expression needs.
func encodeForHealth(live *unstructured.Unstructured) (string, bool) {
	content := live.DeepCopy()
	content.SetManagedFields(nil)
	encoded, err := json.Marshal(content.Object)
	return string(encoded), err == nil && len(encoded) <= maxEvaluated
}

// evaluate one expression on objects.
func (r *Run) evaluate(
	ctx context.Context, i int, expr v1alpha1.HealthExpression, keys []Key, objects []string, assessed map[Key]assessment,
) error {
	field := fmt.Sprintf("spec.healthExprs[%d]", i)
	sources := []custom.Source{{Field: field + ".healthy", Text: expr.Healthy, Type: custom.Boolean}}
	if expr.Failed != "" {
		sources = append(sources, custom.Source{Field: field + ".failed", Text: expr.Failed, Type: custom.Boolean})
	}
	answers, err := r.Expressions.Evaluate(ctx, expression.Request{
		Variables: []custom.Variable{{Name: varObject, Type: custom.Object}}, Sources: sources, Objects: objects,
	})
	var invalid *expression.InvalidError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &invalid):
		for _, key := range keys {
			assessed[key] = assessment{failed, "the expression is invalid: " + text.Clip(invalid.Text, maxServerMessage)}
		}
		return nil
	case err != nil:
		for _, key := range keys {
			assessed[key] = assessment{inProgress, field + " could not be evaluated; it is tried again"}
		}
		return nil
	}
	for n, key := range keys {
		assessed[key] = assessmentOf(field, answers[n*len(sources):(n+1)*len(sources)])
	}
	return nil
}

// assessmentOf is the health that the answers for one object say: healthy, then failed if there is such an expression.
func assessmentOf(field string, answers []expression.Result) assessment {
	switch {
	case len(answers) > 1 && answers[1].Value == "true":
		return assessment{failed, field + ".failed is true"}
	case answers[0].Value == "true":
		return assessment{healthy, ""}
	case answers[0].Failure != "":
		return assessment{inProgress, field + ".healthy cannot be evaluated yet: " + text.Clip(answers[0].Failure, maxServerMessage)}
	}
	return assessment{inProgress, field + ".healthy is false"}
}
