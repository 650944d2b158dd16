package provider_test

import (
	"context"
	"testing"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/testkit/hostile"
)

func TestClientNamesTheTrueCauseOfEveryMisbehaviour(t *testing.T) {
	t.Parallel()
	hostile.Run(t, func(ctx context.Context, endpoint provider.Endpoint) error {
		client, err := provider.NewClient(endpoint, provider.Options{
			Type: "prometheus", Limits: provider.Limits{Timeout: hostile.Timeout,
				MaxBytes: hostile.MaxBytes}, Egress: provider.Egress{AllowLoopback: true},
		})
		if err != nil {
			return err
		}
		defer client.Close()
		var answer struct{ Status string }
		return client.JSON(ctx, provider.Request{Operation: "query", Path: "/api/v1/query"}, &answer)
	})
}
