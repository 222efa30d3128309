// Package corejs checks that what the awala packages write is read, with the
// same contents, by the JavaScript library of the deployed desktop gateway and
// of the reference Internet gateway, with the dependencies that the latter
// locks. Its tests run that library in Node.js, which has to be installed.
//
// The other direction needs no Node.js: awala/testdata holds what the library
// wrote.
package corejs
