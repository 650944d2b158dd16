package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/facts"
)

// floorResult is the result of reading only; CPU and memory are measured from outside.
type floorResult struct {
	Objects  int     `json:"objects"`
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
}

// floor lists each kind that an inspection reads once, in pages of 500 as protobuf, one kind after the other, decodes the
// pages and drops them: the minimal cost of a program that sees every object once.
func floor(ctx context.Context, config *rest.Config, out io.Writer) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	start := time.Now()
	var result floorResult
	for _, kind := range check.Kinds(checks.Builtin()) {
		if kind == facts.Custom || kind.IsCustom() {
			continue // the cluster serves none
		}
		if err := floorKind(ctx, config, client, kind, &result); err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
	}
	result.Seconds = time.Since(start).Seconds()
	return json.NewEncoder(out).Encode(result)
}

// floorKind reads one kind. As in an inspection, Secrets are read as metadata, and only warnings of Events.
func floorKind(ctx context.Context, config *rest.Config, client *kubernetes.Clientset, kind facts.Kind, result *floorResult) error {
	options := metav1.ListOptions{Limit: 500}
	if kind == facts.Event {
		options.FieldSelector = "type=Warning"
	}
	for {
		n, next, err := floorPage(ctx, config, client, kind, options)
		if err != nil {
			return err
		}
		result.Objects += n
		result.Requests++
		if next == "" {
			return nil
		}
		options.Continue = next
	}
}

func floorPage(
	ctx context.Context, config *rest.Config, client *kubernetes.Clientset, kind facts.Kind, options metav1.ListOptions,
) (int, string, error) {
	gv, err := groupVersion(kind)
	if err != nil {
		return 0, "", err
	}
	if slices.Contains([]facts.Kind{facts.Secret, facts.APIService, facts.CRD}, kind) {
		list, err := metadata.NewForConfigOrDie(config).Resource(gv.WithResource(kind.Resource())).List(ctx, options)
		if err != nil {
			return 0, "", err
		}
		return len(list.Items), list.Continue, nil
	}
	list, err := scheme.Scheme.New(gv.WithKind(string(kind) + "List"))
	if err != nil {
		return 0, "", err
	}
	path := "/apis/" + gv.String() + "/" + kind.Resource()
	if gv.Group == "" {
		path = "/api/v1/" + kind.Resource()
	}
	request := client.CoreV1().RESTClient().Get().AbsPath(path).VersionedParams(&options, scheme.ParameterCodec)
	if err := request.Do(ctx).Into(list); err != nil {
		return 0, "", err
	}
	return lengthOf(list)
}
