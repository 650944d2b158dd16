// Command chart writes the generated part of charts/kubeops from config/, so that Kustomize and Helm install the same objects. Its tests
// render both and compare them.
//
//	chart generate REPOSITORY               writes templates and files of the chart
//	chart manifests REPOSITORY IMAGE TAG    prints config/default with an image of the manager
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "chart:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) == 2 && args[0] == "generate":
		return generate(args[1])
	case len(args) == 4 && args[0] == "manifests":
		config, err := readSources(args[1])
		if err != nil {
			return err
		}
		images := fmt.Sprintf("images:\n- {name: kubeops.local/manager, newName: %q, newTag: %q}\n", args[2], args[3])
		content, err := config.text([]string{"default"}, nil, images)
		if err != nil {
			return err
		}
		_, err = out.Write(content)
		return err
	default:
		return errors.New("usage: chart generate REPOSITORY, or chart manifests REPOSITORY IMAGE TAG")
	}
}
