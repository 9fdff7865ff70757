/**
 * The JSON form of messages (chaincode/FORMAT.md section 8), read strictly: no numbers, no null, no name twice, no escapes
 * in names. JSON.parse would take the last of two members and round numbers.
 */
import { malformed } from "./error.ts";
import type { Value } from "./types.ts";

const DEPTH = 32;
const SPACE = " \t\n\r";

/** parseStrict reads one value and nothing after it. */
export function parseStrict(text: string): Value {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  private readonly text: string;
  private at = 0;

  constructor(text: string) {
    this.text = text;
  }

  value(depth: number): Value {
    if (depth > DEPTH) {
      malformed("nested too deep");
    }
    switch (this.peek()) {
      case "{":
        return this.object(depth);
      case "[":
        return this.list(depth);
      case '"':
        return this.string(true);
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      default:
        return malformed("a value is a text, true, false, a list or an object");
    }
  }

  end(): void {
    if (this.peek() !== "") {
      malformed("something follows");
    }
  }

  private peek(): string {
    while (this.at < this.text.length && SPACE.includes(this.text.charAt(this.at))) {
      this.at++;
    }
    return this.text.charAt(this.at);
  }

  private take(c: string): void {
    if (this.peek() !== c) {
      malformed(`expected ${c}`);
    }
    this.at++;
  }

  private word(word: string, value: boolean): boolean {
    if (!this.text.startsWith(word, this.at)) {
      malformed("not a word of JSON");
    }
    this.at += word.length;
    return value;
  }

  private object(depth: number): Value {
    const out: Record<string, Value> = Object.create(null) as Record<string, Value>;
    this.take("{");
    if (this.peek() === "}") {
      this.take("}");
      return out;
    }
    for (;;) {
      this.peek();
      const name = this.string(false);
      if (name in out) {
        malformed("a member is there twice");
      }
      this.take(":");
      out[name] = this.value(depth + 1);
      if (this.peek() !== ",") {
        this.take("}");
        return out;
      }
      this.take(",");
    }
  }

  private list(depth: number): Value {
    const out: Value[] = [];
    this.take("[");
    if (this.peek() === "]") {
      this.take("]");
      return out;
    }
    for (;;) {
      out.push(this.value(depth + 1));
      if (this.peek() !== ",") {
        this.take("]");
        return out;
      }
      this.take(",");
    }
  }

  private string(escapes: boolean): string {
    const start = this.at;
    if (this.text.charAt(start) !== '"') {
      malformed("expected a name");
    }
    let end = start + 1;
    for (; this.text.charAt(end) !== '"'; end++) {
      if (end >= this.text.length || (this.text.charAt(end) === "\\" && !escapes)) {
        malformed("a text without end, or an escape in a name");
      }
      if (this.text.charAt(end) === "\\") {
        end++;
      }
    }
    this.at = end + 1;
    try {
      return JSON.parse(this.text.slice(start, end + 1)) as string;
    } catch {
      return malformed("not a text of JSON");
    }
  }
}
