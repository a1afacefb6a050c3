package dirty

import (
	"testing"

	"github.com/growarena/growarena/internal/testutil"
)

func TestMain(m *testing.M) { testutil.Main(m, nil) }
