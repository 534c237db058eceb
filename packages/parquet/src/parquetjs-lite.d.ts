/** The part of parquetjs-lite 0.8.7 that the encoder uses; the package brings no types. */
declare module "parquetjs-lite" {
  import type { Statistics } from "parquetjs-lite/gen-nodejs/parquet_types.js";

  interface Field {
    readonly type: "UTF8" | "DATE" | "TIMESTAMP_MICROS" | "INT64" | "BOOLEAN";
    readonly optional: boolean;
    readonly compression: "GZIP" | "UNCOMPRESSED";
    readonly statistics: false;
  }

  interface ColumnData {
    readonly values: ArrayLike<unknown>;
    readonly dlevels: ReadonlyArray<number>;
    readonly rlevels: ReadonlyArray<number>;
    readonly distinct_values: Set<unknown>;
    readonly count: number;
  }

  interface RowBuffer {
    readonly rowCount: number;
    readonly pageRowCount: number;
    readonly columnData: Record<string, ColumnData>;
    readonly pages: Record<string, Array<unknown>>;
  }

  interface Envelope {
    readonly useDataPageV2: boolean;
    readonly writeHeader: () => unknown;
    readonly writeRowGroup: (rows: RowBuffer) => unknown;
    readonly writeIndex: () => unknown;
    readonly writeFooter: (metadata: Record<string, string>) => unknown;
    readonly close: () => unknown;
  }

  class ParquetSchema {
    constructor(fields: Record<string, Field>);
  }

  class ParquetEnvelopeWriter implements Envelope {
    constructor(
      schema: ParquetSchema,
      write: (bytes: Buffer) => void,
      close: () => void,
      offset: number,
      options: { readonly pageIndex: false; readonly useDataPageV2: boolean },
    );
    readonly useDataPageV2: boolean;
    readonly rowGroups: ReadonlyArray<{
      readonly columns: ReadonlyArray<{ readonly meta_data: { statistics: Statistics | null } }>;
    }>;
    writeHeader(): unknown;
    writeRowGroup(rows: RowBuffer): unknown;
    writeIndex(): unknown;
    writeFooter(metadata: Record<string, string>): unknown;
    close(): unknown;
  }

  class ParquetWriter {
    constructor(schema: ParquetSchema, envelope: Envelope, options: object);
    rowBuffer: RowBuffer;
    close(): Promise<void>;
  }

  const parquetjs: {
    readonly ParquetSchema: typeof ParquetSchema;
    readonly ParquetEnvelopeWriter: typeof ParquetEnvelopeWriter;
    readonly ParquetWriter: typeof ParquetWriter;
  };
  export type { Envelope, Field, ParquetEnvelopeWriter, ParquetSchema, RowBuffer };
  export default parquetjs;
}

declare module "parquetjs-lite/gen-nodejs/parquet_types.js" {
  class Statistics {
    constructor(fields: { readonly null_count: number; readonly min_value?: Buffer; readonly max_value?: Buffer });
  }
  const parquetTypes: { readonly Statistics: typeof Statistics };
  export type { Statistics };
  export default parquetTypes;
}
