// The JSON the server speaks, as far as the console reads it.

export interface Label {
  zh: string;
  en: string;
}

export interface CodeEntry {
  value: string;
  label: Label;
}

export interface Attribute {
  id: string;
  label: Label;
  type: string;
  unit?: string | null;
  codes?: CodeEntry[] | null;
  required?: boolean;
}

export interface Class {
  id: string;
  no: number;
  label: Label;
  domain: string;
  geometry: string;
  group?: string | null;
  symbol: { colour: string; icon?: string | null; min_zoom: number };
  attributes: Attribute[];
  /** `city`, `live` or `terrain`: only the city's are collections. */
  kept?: string;
  /** How many features the city has of it. */
  count?: number;
}

export interface ObservedProperty {
  id: string;
  label: Label;
  unit: string;
}

export interface City {
  name: Label;
  origin: [number, number];
  bounds: [number, number, number, number] | null;
  height_datum?: string;
  time_zone?: string;
  simulated?: boolean;
  revision: number;
}

export interface Catalogue {
  classes: Class[];
  properties: ObservedProperty[];
  city: City;
}

export type Severity = 'notice' | 'warning' | 'serious' | 'critical';
export type Position = [number, number] | [number, number, number];

/** The newest reading of one datastream, placed on the feature that it speaks of. */
export interface LiveValue {
  datastream: string;
  /** Wire number of the feature that is watched; a datastream may name none. */
  id: number | null;
  host: string | null;
  sensor: string | null;
  property: string;
  label: Label;
  value: number | null;
  unit: string;
  measured_at: string | null;
  simulated: boolean;
  position: Position | null;
  alarm: Severity | null;
}

export interface Alarm {
  id: number;
  datastream: string;
  host: string | null;
  id_host: number | null;
  severity: Severity;
  state: 'raised' | 'acknowledged' | 'cleared';
  since: string;
  limit: number;
  direction: 'above' | 'below';
  value: number;
  unit: string;
  position: Position | null;
  label: Label;
  simulated?: boolean;
}

export type LiveMessage =
  | { type: 'hello'; protocol: string; revision: number; simulated: boolean }
  | {
      type: 'snapshot';
      seq: number;
      values: LiveValue[];
      alarms: Alarm[];
      /** Which computation the analyses' values come from; absent until there is one. */
      overlays?: string;
    }
  | {
      type: 'delta';
      seq: number;
      values?: LiveValue[];
      alarms?: Alarm[];
      revision?: number;
      changed?: Changed[];
      /** More changed than is listed. */
      changed_more?: boolean;
      /** The analyses were computed anew. */
      overlays?: string;
    }
  | { type: 'refused'; code: string; detail: string };

/** A feature that an edit touched, and where it was or is. */
export interface Changed {
  id: number;
  class: string;
  bounds?: [number, number, number, number] | null;
}

export interface LegendStep {
  byte_from: number;
  byte_to: number;
  colour: string;
  label: Label;
}

export interface Overlay {
  id: string;
  label: Label;
  /** The classes that it colours. */
  classes?: string[];
  legend: LegendStep[];
  revision?: number | null;
}

export interface Candidate {
  id: string;
  wire: number;
  label: string;
  class: string;
  code?: string | null;
  position: Position | null;
}

export interface Item {
  type: 'Feature';
  id: string;
  geometry: GeoJSON.Geometry | null;
  properties: Record<string, unknown>;
}

export interface Sample {
  time: string;
  value: number;
}

/** RFC 9457, with the stable code and what to do. */
export interface ProblemJson {
  title?: string;
  status?: number;
  detail?: string;
  code?: string;
}
