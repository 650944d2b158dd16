package connect

import (
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/terminal"
)

// ClusterProblem is why a cluster could not be read.
type ClusterProblem struct {
	Cluster string `json:"cluster"`
	Message string `json:"message"`
}

// UnreadClusters is the error about clusters that could not be read; nil if all were.
func UnreadClusters(problems []ClusterProblem) error {
	if len(problems) == 0 {
		return nil
	}
	return &command.GapsError{Text: terminal.Count(len(problems), "cluster", "clusters") + " could not be read completely"}
}
