// Small drawings for buttons; the button itself carries the words.
const paths = {
  bold: 'M5 3h5.2a3.6 3.6 0 0 1 2 6.6A3.9 3.9 0 0 1 10.7 17H5V3zm2.4 2v3.6h2.5a1.8 1.8 0 0 0 0-3.6H7.4zm0 5.6V15h3a2.2 2.2 0 0 0 0-4.4h-3z',
  italic: 'M8 3h7v2h-2.4l-2.8 10H12v2H5v-2h2.6l2.8-10H8z',
  link: 'M8.6 11.4a3.4 3.4 0 0 0 4.8 0l2.8-2.8a3.4 3.4 0 0 0-4.8-4.8L10 5.2l1.3 1.3 1.4-1.4a1.6 1.6 0 0 1 2.2 2.2l-2.8 2.8a1.6 1.6 0 0 1-2.2 0zm2.8-2.8a3.4 3.4 0 0 0-4.8 0l-2.8 2.8a3.4 3.4 0 0 0 4.8 4.8l1.4-1.4-1.3-1.3-1.4 1.4a1.6 1.6 0 0 1-2.2-2.2l2.8-2.8a1.6 1.6 0 0 1 2.2 0z',
  bullets: 'M3 4.2h2.4v2.4H3zm5 .2h9v2H8zM3 8.8h2.4v2.4H3zM8 9h9v2H8zm-5 4.4h2.4v2.4H3zm5 .2h9v2H8z',
  numbers: 'M3.2 3h1.6v4H3.6V4.2H3zM8 4.4h9v2H8zM8 9h9v2H8zm0 4.6h9v2H8zM3 12.6h2.6v1.1l-1.3 1.6h1.3v1.2H2.9v-1.1l1.3-1.6H3z',
  table: 'M3 3.5h14v13H3zm1.8 4.6v2.4h4.3V8.100zm6.100 0v2.400h4.300V8.100zm-6.100 4.200v2.400h4.300v-2.400zm6.100 0v2.400h4.300v-2.400z',
  undo: 'M8 4 3 8.500 8 13v-3h3.500a3 3 0 0 1 0 6H7v2h4.500a5 5 0 0 0 0-10H8z',
  redo: 'm12 4 5 4.500-5 4.500v-3H8.500a3 3 0 0 0 0 6H13v2H8.500a5 5 0 0 1 0-10H12z',
  rowAdd: 'M3 3h14v6H3zm1.800 1.800v2.400h10.400V4.800zM9 11h2v2.500h2.500v2H11V18H9v-2.500H6.500v-2H9z',
  rowDelete: 'M3 3h14v6H3zm1.800 1.800v2.400h10.400V4.800zM6.500 13.500h7v2h-7z',
  colAdd: 'M3 3h6v14H3zm1.800 1.800v10.400h2.400V4.800zM13 6.500h2V9h2.500v2H15v2.500h-2V11h-2.500V9H13z',
  colDelete: 'M3 3h6v14H3zm1.800 1.800v10.400h2.400V4.800zM10.500 9h7v2h-7z',
  suggest: 'M13.600 3.200l3.200 3.200-8.300 8.300-3.900.7.7-3.900zm0 2.500L7 12.300l-.2 1 1-.2 6.600-6.600zM3 16.500h14v1.700H3z',
  comment: 'M3 4h14v10H9l-4 3.500V14H3zm1.800 1.800v6.400h2v1.500l1.700-1.500h6.700V5.800z',
}
export type Icon = keyof typeof paths
export function Glyph({ of }: { of: Icon }) {
  return <svg aria-hidden="true" width="20" height="20" viewBox="0 0 20 20" fill="currentColor" fill-rule="evenodd"><path d={paths[of]} /></svg>
}
