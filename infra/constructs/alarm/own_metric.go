package alarm

import "github.com/evenkeel/evenkeel/spec"

// OwnMetric is a metric that our own functions report for the environment.
func OwnMetric(env *spec.Environment, name, statistic string) Metric {
	return Metric{
		Namespace: spec.FunctionNamespace, Name: name, Statistic: statistic,
		Dimensions: []Dimension{{spec.DimensionEnvironment, spec.FunctionScope(env.App, env.Name)}},
	}
}
