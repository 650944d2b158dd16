package checks

func autoscalingChecks() []Check { return nil }
