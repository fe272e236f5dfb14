import { expect, it } from "vitest";
import { directChat } from "../src/ids";

it("the chat of two accounts is that of the core", async () => {
  // From omega.DirectChat, whichever is first.
  const a = "0123456789ABCDEF0123456789ABCDEF01234567", b = "FEDCBA9876543210FEDCBA9876543210FEDCBA98";
  expect(await directChat(a, b)).toBe("e2baa461e063bc36aaa282935408d558");
  expect(await directChat(b, a)).toBe("e2baa461e063bc36aaa282935408d558");
});
