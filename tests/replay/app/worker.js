// The package's own worker, recorded.
import "./install.js";
import "/avatar/worker.js";
