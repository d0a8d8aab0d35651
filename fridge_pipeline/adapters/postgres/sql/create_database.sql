create database {name};
