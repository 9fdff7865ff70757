import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app/App";
import "./styles/app.scss";
import { registerServiceWorker } from "./worker/trusted";

document.body.classList.add("js-enabled", "nhsuk-frontend-supported");

const root = document.getElementById("root");
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
registerServiceWorker();
