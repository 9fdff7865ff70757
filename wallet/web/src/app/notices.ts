import { prefer, preference } from "./preference";

/** noticesWanted says whether notices are shown while the app is open. They are, unless the person said no. */
export const noticesWanted = (): boolean => preference("notices") !== "off";

export const wantNotices = (on: boolean): void => prefer("notices", on ? "on" : "off");
