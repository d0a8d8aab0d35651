-- Few hours are restated: whoever asks which finds them without the others.
create index meter_events_restated on fridge.meter_events (hour) where revision > 1;
