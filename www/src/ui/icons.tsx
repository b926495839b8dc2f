/** The app's own icons: 24 units, drawn with the text's colour. Decoration only; the control beside them has the name. */
const PATHS = {
  notes: "M6 3.5h9l4.5 4.5v11a1.5 1.5 0 0 1-1.5 1.5H6A1.5 1.5 0 0 1 4.5 19V5A1.5 1.5 0 0 1 6 3.5ZM14.5 3.5V8.5H19.5M8.5 12.5h7M8.5 16h5",
  import: "M12 3.5v11M7.5 10.5 12 15l4.5-4.5M4.5 15.5V18A2.5 2.5 0 0 0 7 20.5h10a2.5 2.5 0 0 0 2.5-2.5v-2.5",
  export: "M12 15V3.5M7.5 8 12 3.5 16.5 8M4.5 15.5V18A2.5 2.5 0 0 0 7 20.5h10a2.5 2.5 0 0 0 2.5-2.5v-2.5",
  identity: "M12 12.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8ZM4.5 20.5c.6-3.700 3.600-5.5 7.5-5.5s6.900 1.800 7.5 5.5",
  storage: "M4.5 6.5c0-1.700 3.400-3 7.5-3s7.5 1.300 7.5 3-3.400 3-7.5 3-7.5-1.300-7.5-3ZM4.5 6.5V17.5c0 1.700 3.400 3 7.5 3s7.5-1.300 7.5-3V6.5M4.5 12c0 1.700 3.400 3 7.5 3s7.5-1.300 7.5-3",
  plus: "M12 5v14M5 12h14",
  search: "M10.5 17.5a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM15.5 15.5 20.5 20.5",
  back: "M19 12H5M11 5.5 4.5 12 11 18.5",
  undo: "M8.5 14 4 9.5 8.5 5M4.5 9.5h9a6 6 0 0 1 0 12h-3",
  redo: "M15.5 14 20 9.5 15.5 5M19.5 9.5h-9a6 6 0 0 0 0 12h3",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6Z",
  pen: "M4 20l1-4.5L16 4.5a2 2 0 0 1 3 0l.5.5a2 2 0 0 1 0 3L8.5 19 4 20ZM14 6.5 17.5 10",
  trash: "M4.5 6.5h15M9.5 6V4.5a1 1 0 0 1 1-1h3a1 1 0 0 1 1 1V6M6.5 6.5l.8 12.600a1.5 1.5 0 0 0 1.5 1.400h6.400a1.5 1.5 0 0 0 1.5-1.400l.8-12.600M10 10.5v6M14 10.5v6",
  check: "M5 12.5 10 17.5 19.5 7",
  close: "M6 6l12 12M18 6 6 18",
  copy: "M9 9.5A1.5 1.5 0 0 1 10.5 8H18a1.5 1.5 0 0 1 1.5 1.5V19a1.5 1.5 0 0 1-1.5 1.5h-7.5A1.5 1.5 0 0 1 9 19V9.5ZM15.5 8V5A1.5 1.5 0 0 0 14 3.5H6A1.5 1.5 0 0 0 4.5 5v9.5A1.5 1.5 0 0 0 6 16h3",
  tag: "M4 5.5A1.5 1.5 0 0 1 5.5 4h6.300a2 2 0 0 1 1.400.6l6.5 6.5a2 2 0 0 1 0 2.800l-5.800 5.800a2 2 0 0 1-2.800 0l-6.5-6.5A2 2 0 0 1 4 11.800V5.5ZM8.300 8.300h.01",
  link: "M10 14a4 4 0 0 0 5.700 0l3-3A4 4 0 0 0 13 5.300l-1.200 1.200M14 10a4 4 0 0 0-5.700 0l-3 3a4 4 0 0 0 5.700 5.700l1.200-1.200",
  folder: "M3.5 7A1.5 1.5 0 0 1 5 5.5h4.300l2.200 2.5H19A1.5 1.5 0 0 1 20.5 9.5V17a1.5 1.5 0 0 1-1.5 1.5H5A1.5 1.5 0 0 1 3.5 17V7Z",
  file: "M6.5 3.5h7L18.5 8.5V19A1.5 1.5 0 0 1 17 20.5H6.5A1.5 1.5 0 0 1 5 19V5a1.5 1.5 0 0 1 1.5-1.5ZM13 3.5V9h5.5",
  alert: "M12 4 2.800 19.5h18.400L12 4ZM12 10v4.5M12 17.300h.01",
  info: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 11v5M12 8h.01",
  keyboard: "M4 6.5h16A1.5 1.5 0 0 1 21.5 8v8a1.5 1.5 0 0 1-1.5 1.5H4A1.5 1.5 0 0 1 2.5 16V8A1.5 1.5 0 0 1 4 6.5ZM6.5 10h.01M10 10h.01M14 10h.01M17.5 10h.01M8 14h8",
  theme: "M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17ZM12 3.5v17M12 8l6.5-3M12 13l8.300-3M12 18l7.5-3",
  device: "M7 3.5h10A1.5 1.5 0 0 1 18.5 5v14a1.5 1.5 0 0 1-1.5 1.5H7A1.5 1.5 0 0 1 5.5 19V5A1.5 1.5 0 0 1 7 3.5ZM10.5 17.5h3",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark: a person's node. Two strokes lean on each other like an A; the point that they hold is the data. */
export function Logo({ size = 28 }: { size?: number }) {
  return (
    <svg class="logo" width={size} height={size} viewBox="0 0 64 64" aria-hidden="true">
      <rect class="logo-field" width="64" height="64" rx="18" />
      <path class="logo-stroke" d="M16 48 C20 32 25 21 32 15 C39 21 44 32 48 48" fill="none" stroke-width="6.5" stroke-linecap="round" stroke-linejoin="round" />
      <circle class="logo-dot" cx="32" cy="40" r="6" />
    </svg>
  );
}
