/** The head of a request that is good: names and values in turn, as HTTP/2 has them. */
export function goodHead(secret: string, path: string, method = 'GET'): string[] {
  return [
    ...[':method', method, ':scheme', 'https', ':authority', 'api.example.com', ':path', path],
    ...['authorization', `SSWS ${secret}`],
  ];
}
