// /etc/hosts: names that the operator of this host has given addresses, ahead of any name server.

import { type Address, parseAddress } from './address.ts';
import { ParsedFile } from './parsed-file.ts';

export class HostsFile {
  readonly #file: ParsedFile<ReadonlyMap<string, readonly Address[]>>;

  constructor(path: string) {
    this.#file = new ParsedFile(path, parseHosts);
  }

  /** The addresses of a name in lower case, or null where the file does not name it. The search list does not apply. */
  lookup(name: string): readonly Address[] | null {
    return this.#file.value.get(name.replace(/\.$/, '')) ?? null;
  }
}

/** Lines of an address and its names, `#` to the end of a line a comment (hosts(5)). A name may be on many lines. */
function parseHosts(text: string): Map<string, Address[]> {
  const hosts = new Map<string, Address[]>();
  for (const line of text.split('\n')) {
    const [first = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const address = parseAddress(first);
    if (address === null) continue;
    for (const name of names.map((name) => name.toLowerCase())) {
      const addresses = hosts.get(name);
      if (addresses === undefined) hosts.set(name, [address]);
      else if (!addresses.some((known) => known.address === address.address)) addresses.push(address);
    }
  }
  return hosts;
}
