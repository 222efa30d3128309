package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// writeReadyFile publishes info at path, whole from the first moment that the
// file is there. An empty path means no file.
func writeReadyFile(path string, info Info) error {
	if path == "" {
		return nil
	}
	body, err := json.MarshalIndent(info, "", "  ")
	if err != nil {
		return err
	}
	temp := path + ".new"
	err = os.WriteFile(temp, append(body, '\n'), 0o644)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("--ready-file: %w", err), os.RemoveAll(temp))
	}
	return nil
}

// removeReadyFile takes the file back when the process is no longer ready.
func removeReadyFile(path string) {
	if path != "" {
		// The worst is a file that is out of date, as after a crash.
		_ = os.Remove(path)
	}
}
