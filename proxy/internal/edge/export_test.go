package edge

// What tests look at from outside.
const MaxEncoders = maxEncoders
