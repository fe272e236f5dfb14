// Finding a name as people type it: any letter case, full width or half, 台 or 臺.
const folded = (s: string) => s.normalize("NFKC").toLowerCase().replace(/臺/g, "台");

/** Whether a name has what was typed. */
export const matches = (name: string, query: string) => folded(name).includes(folded(query.trim()));
