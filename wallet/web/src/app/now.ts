import { useState } from "react";

/** useNow is the time at which a page was opened, so that dates in it do not move. */
export const useNow = (): number => useState(() => Date.now())[0];
