package waf

// AppendNormalPath is for its fuzz test.
var AppendNormalPath = appendNormalPath
