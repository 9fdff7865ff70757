import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./app/App";
import { beginLanguages, firstLanguage } from "./i18n";
import "./styles/app.scss";
import { volens } from "./worker/client.ts";
import { registerServiceWorker } from "./worker/trusted";

document.body.classList.add("js-enabled", "nhsuk-frontend-supported");

const root = document.getElementById("root");
if (root !== null) {
  void beginLanguages(firstLanguage()).then(() =>
    createRoot(root).render(
      <StrictMode>
        <App volens={volens} />
      </StrictMode>,
    ),
  );
}
registerServiceWorker();
