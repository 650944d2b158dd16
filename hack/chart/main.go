// Command chart writes the generated part of charts/kubeops from config/, so that Kustomize and Helm install the same objects:
// `cd hack/chart && go run . ../..`. Its tests render both and compare them.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: chart REPOSITORY")
		os.Exit(2) //nolint:forbidigo // this is main
	}
	if err := generate(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}
